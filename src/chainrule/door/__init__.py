"""The door through which Python calls compiled programs with pytrees of tensors."""
