"""Workers: the job types and the process that runs them."""
