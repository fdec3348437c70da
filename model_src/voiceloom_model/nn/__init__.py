"""The network's parts; every public module states its tensor contract."""
