"""The formulas of the theory: bounds, filters, risk, lengths, the equivalent kernel."""
