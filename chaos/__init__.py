"""`make chaos`: each fault against whole runs in the emulator, and what became of every user."""
