"""When things happen: Prefect flows and the command line. A flow never opens audio."""
