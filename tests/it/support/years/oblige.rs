//! What the threshold obliges an answer to: whatever is shown is right, and shown by right.
