"""`batchctl local`: the template on this machine, with a real database and a stand-in partner API."""
