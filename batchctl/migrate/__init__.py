"""Schema steps: read from migrations/, checked, and applied once to each database.

`batchctl migrate` and the function MigrateSchema use the same modules. All but commands.py and target.py go into the
function's layer (see the Makefile beside this), so they import nothing of batchctl outside this folder.
"""
