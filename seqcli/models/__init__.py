"""The models: a file's name is the model's name, its docstring the model's help."""
