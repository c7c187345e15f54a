//! The words of fingerprints.

/// 256 short, plain words; no two begin with the same four letters, so that a word heard over a
/// noisy room or cut short is still that word.
pub(super) const WORDS: [&str; 256] = [
    "acorn", "actor", "album", "amber", "anchor", "angle", "apple", "april", "arch", "army",
    "arrow", "atlas", "autumn", "badge", "baker", "ball", "bamboo", "banana", "basket", "beach",
    "bell", "bench", "berry", "bird", "blue", "board", "boat", "book", "bottle", "bowl", "box",
    "branch", "brass", "bread", "brick", "bridge", "bronze", "broom", "brush", "bucket", "bus",
    "button", "cabin", "cable", "cactus", "cake", "camel", "candle", "canoe", "carpet", "carrot",
    "castle", "cedar", "chair", "chalk", "cherry", "chess", "circle", "clay", "cliff", "clock",
    "cloud", "clover", "coast", "coffee", "coin", "comb", "copper", "coral", "corn", "cotton",
    "crane", "cricket", "crown", "cup", "curtain", "daisy", "dance", "dawn", "deer", "desert",
    "desk", "diamond", "dice", "dinner", "dish", "dolphin", "donkey", "door", "dragon", "drum",
    "duck", "eagle", "earth", "echo", "egg", "elbow", "engine", "fabric", "falcon", "farm",
    "feather", "fence", "ferry", "field", "finger", "fire", "fish", "flag", "flame", "flute",
    "forest", "fork", "fossil", "fox", "frost", "fruit", "galaxy", "garden", "garlic", "gate",
    "ginger", "glass", "globe", "glove", "goat", "gold", "grain", "grape", "gravel", "green",
    "guitar", "hammer", "harbor", "hat", "hawk", "hazel", "helmet", "hill", "honey", "hook",
    "horse", "hotel", "house", "ice", "igloo", "ink", "iron", "island", "ivory", "jacket", "jade",
    "jar", "jasmine", "jelly", "jewel", "juice", "jungle", "kettle", "key", "kite", "kitten",
    "knee", "ladder", "lake", "lamp", "lantern", "leaf", "lemon", "lentil", "library", "lily",
    "lime", "lion", "lotus", "lunch", "magnet", "mango", "maple", "marble", "market", "meadow",
    "melon", "metal", "milk", "mint", "mirror", "monkey", "moon", "motor", "mouse", "museum",
    "music", "needle", "nest", "noodle", "north", "novel", "number", "nut", "oak", "oasis",
    "ocean", "olive", "onion", "orange", "orbit", "otter", "owl", "oxygen", "paddle", "palace",
    "panda", "paper", "parrot", "peach", "pearl", "pencil", "pepper", "piano", "pillow", "pilot",
    "planet", "plum", "pocket", "pond", "potato", "prism", "pumpkin", "puzzle", "quartz", "queen",
    "rabbit", "radio", "rain", "ribbon", "rice", "river", "road", "robot", "rocket", "rose",
    "ruby", "saddle", "sail", "salad", "salt", "sand", "school", "seed", "shadow", "shell", "silk",
    "silver", "sky", "spoon",
];
