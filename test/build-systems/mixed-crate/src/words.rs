pub fn letters(word: &str) -> u32 {
    word.chars().filter(|c| c.is_alphabetic()).count() as u32
}
