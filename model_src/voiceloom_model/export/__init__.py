"""From a checkpoint to a voice bundle: ONNX graphs, their 8-bit versions, parity, and the model card."""
