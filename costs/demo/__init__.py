"""The demo estate: thirteen months of believable bills with truths planted in them."""
