"""Report who crawls a site, the cost, and what a policy would have done, from its access logs."""
