"""What several displays share, and what is done for one of them out of sight."""
