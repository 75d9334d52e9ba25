"""The native half of the door from Python: code that finds arrays in pytrees and makes results."""
