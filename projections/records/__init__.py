"""Tables that are not views and are never rebuilt."""
