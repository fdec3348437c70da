"""What is done: one module or package a stage, and the rooms they share. Nothing here imports Prefect."""
