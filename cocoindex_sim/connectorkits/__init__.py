"""What authors of connectors build with."""
