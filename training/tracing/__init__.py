"""Knowledge tracing: fit, evaluate and export the models of one data set."""
