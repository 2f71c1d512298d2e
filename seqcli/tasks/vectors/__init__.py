"""What word vectors are asked: lines as vectors, neighbours, analogies, searches, and how well they do on published questions."""
