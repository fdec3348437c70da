"""Speaking on a GPU: TensorRT engines of a bundle's graphs, and CUDA Graphs of a checkpoint in PyTorch."""
