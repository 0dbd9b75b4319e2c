"""Makes Markdown tables and plots of a run's figures: `pages` says which, and writes them."""
