"""Networks run by whatever runs them fastest here: torch, ONNX Runtime or OpenVINO.

A stage describes its network once, as a `Graph`, and gets a callable: tensors in, tensors out. Which library
computes it, in which precision, from which file, is decided and kept here alone.

    graph = Graph("sam-encoder", sha256, build, (crops,), ("crops",), ("features",), ({0: "batch"},))
    (features,) = compiled(graph)(crops)
"""
