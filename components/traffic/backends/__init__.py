"""What can implement a route, a file each; `registry` lists them."""
