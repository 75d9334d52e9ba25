"""What runs programs: machine code in memory and on disk, threads, locks."""
