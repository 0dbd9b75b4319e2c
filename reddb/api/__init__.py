"""What a program holds of a database: handles, snapshots, queries, transactions, configuration.

Nothing here changes a database: writes become commands for `reddb.actor`, reads look at a state.
"""
