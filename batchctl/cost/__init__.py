"""`batchctl cost`: what a schedule of runs costs on AWS, before anything is deployed."""
