"""Sources and targets."""
