"""Report from access logs who crawls a site, the cost, and what a policy would have done."""
