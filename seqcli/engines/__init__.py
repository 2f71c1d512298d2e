"""What runs models where they are used and not learned: programs made for it, beside torch, which is the reference."""
