"""Pages of bills, a file per page."""
