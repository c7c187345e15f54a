"""The systems that are measured: this program, and what people would use instead."""
