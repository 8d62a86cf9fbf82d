"""Who crawls a site, what it costs, and what a policy would have done, from its access logs."""
