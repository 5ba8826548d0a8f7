"""What the tests in Python share: running nacre and the engines, and finding what they leave behind."""
