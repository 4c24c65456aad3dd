package traffic

// Roomy gives a test's socket the buffers of a meter's.
var Roomy = roomy
