"""Campaigns: long searches for a broken promise. ``python -m tests.campaigns --help`` lists them.

Each module here that has a `Campaign` named ``CAMPAIGN`` is one. A short run of each is in the
ordinary tests.
"""
