"""What pipelines read, whatever source it comes from."""
