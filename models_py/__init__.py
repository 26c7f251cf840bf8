"""What a model is: tensors in, scores out. No file, no SQL, no command line."""
