// Whole clusters in one thread under virtual time.
