"""What runs on this machine is billed by nobody."""
