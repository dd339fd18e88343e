"""Drawing actions from a policy: at candidates, and over whole episodes."""
