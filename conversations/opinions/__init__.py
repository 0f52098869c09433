"""What people say of sessions and turns: reviews, tags, flags, notes, corrections, assignment; and taking it back."""
