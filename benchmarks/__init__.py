"""What the documentation claims of speed, each runnable with one command."""
