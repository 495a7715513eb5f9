"""What several files of tests share: small fits, naive forms, data, processes."""
