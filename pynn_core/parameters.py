class Sequence:
    def __init__(self, value): self.value = value
class ParameterSpace: pass
