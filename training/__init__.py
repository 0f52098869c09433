"""What the assistant should learn: training data, models, evaluations. Empty until its first issue."""
