import World

/// Which of the bugs of `planted/` is active; 0 in the product's own sources, which have none.
let plantedBug = World.plantedBug
