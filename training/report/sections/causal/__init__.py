"""Parts of the page of causal trials."""
