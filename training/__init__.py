"""What is done with models: marts to tensors, fitting, evaluation, run folders."""
