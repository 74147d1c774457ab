"""Scripts for the developers of Dues. The program itself needs none of them."""
