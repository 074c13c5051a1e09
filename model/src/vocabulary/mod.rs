//! The ids of everything that the decoder reads or writes, and the layout of a target sequence.
//!
//! Owns the numbering, its fingerprint (a checkpoint carries it, so that a network never meets ids that
//! mean something else than in its training), and the way from a law to ids and back. The tokens
//! themselves belong to `nsode_parser::token`, the bins to [`crate::twohot`].
//!
//! Ids: 0 `PAD`, 1 `BOS`, 2 `EOS`; 3 to 66 the skeleton tokens (`3 + token.id()`, unused ones reserved, so
//! that the grammar may grow without moving the constants); from 67 on the constant bins.
//!
//! A target sequence is: the skeleton's tokens in prefix form and its constants in the order of their
//! slots, one place each, where [`Order`] says, then `EOS`. `BOS` is what the decoder is fed first; it is not part of
//! the target. The skeleton delimits itself and has a known number of slots, so a reader needs no separator,
//! `EOS` is only a check, and the network is neither fed nor trained to write it.

mod order;
#[cfg(test)]
mod tests;

use nsode_parser::skeleton::{PrefixError, Skeleton};
use nsode_parser::token::Token;

pub use self::order::{Order, Place};
use crate::hash::sha256_of;
use crate::twohot::{Bins, TwoHot, TwoHotError};

/// Fills the end of shorter rows of a batch; never a target.
pub const PAD: u16 = 0;
/// Fed to the decoder first.
pub const BOS: u16 = 1;
/// After the last constant.
pub const EOS: u16 = 2;
/// Id of the skeleton token with `Token::id() == 0`.
pub const FIRST_TOKEN: u16 = 3;
/// Places kept for skeleton tokens.
pub const TOKEN_IDS: u16 = 64;
/// Id of the lowest constant bin.
pub const FIRST_BIN: u16 = FIRST_TOKEN + TOKEN_IDS;

/// Why a law is no sequence, or a sequence no law.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VocabularyError {
    /// A constant that the bins can't hold.
    #[error("constant {slot} has no token")]
    Constant {
        /// Its slot, counted from 0.
        slot: usize,
        /// What is wrong with it.
        #[source]
        source: TwoHotError,
    },
    /// Not as many constants as slots.
    #[error("the skeleton has {slots} constants, {found} are given")]
    Count {
        /// Slots of the skeleton.
        slots: usize,
        /// Constants given or read.
        found: usize,
    },
    /// A skeleton part that does not parse.
    #[error("the sequence holds no valid skeleton")]
    Skeleton(#[source] PrefixError),
    /// An id where the layout allows none of its kind.
    #[error("place {place} of the sequence holds id {id}, which cannot stand there")]
    Misplaced {
        /// The place, counted from 0.
        place: usize,
        /// The id found.
        id: u16,
    },
    /// No `EOS` at the end.
    #[error("the sequence has no end after {places} places")]
    NoEnd {
        /// Its length.
        places: usize,
    },
}

/// One place of a sequence: an id, and the share of its upper neighbour.
///
/// The decoder is fed `(1 − upper) · embedding[id] + upper · embedding[id + 1]` and is trained towards the
/// same two weights. `upper` is 0 for everything but constants, and `id + 1` is always an id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Symbol {
    /// The id, the lower one of two for a constant.
    pub id: u16,
    /// Weight of `id + 1`, in [0, 1].
    pub upper: f64,
}

impl Symbol {
    /// An id alone.
    pub fn plain(id: u16) -> Symbol {
        Symbol { id, upper: 0.0 }
    }

    /// A skeleton token.
    pub fn token(token: Token) -> Symbol {
        Symbol::plain(FIRST_TOKEN + u16::from(token.id()))
    }

    /// A constant, given by its bins.
    pub fn constant(pair: TwoHot) -> Symbol {
        Symbol {
            id: FIRST_BIN + pair.low as u16,
            upper: pair.upper,
        }
    }
}

/// The numbering of specials, skeleton tokens and constant bins, and where the latter stand in a sequence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vocabulary {
    bins: Bins,
    order: Order,
}

impl Vocabulary {
    /// The vocabulary with these constant bins, and constants where `order` says.
    pub fn new(bins: Bins, order: Order) -> Vocabulary {
        Vocabulary { bins, order }
    }

    /// Where the constants of a sequence stand.
    pub fn order(&self) -> Order {
        self.order
    }

    /// The constant bins.
    pub fn bins(&self) -> &Bins {
        &self.bins
    }

    /// Number of ids.
    pub fn size(&self) -> usize {
        usize::from(FIRST_BIN) + self.bins.count()
    }

    /// The skeleton token of an id, if it is one.
    pub fn token(id: u16) -> Option<Token> {
        let id = id.checked_sub(FIRST_TOKEN).filter(|&i| i < TOKEN_IDS)?;
        Token::from_id(id as u8)
    }

    /// Name of an id, unique; `None` beyond [`Vocabulary::size`].
    pub fn name(&self, id: u16) -> Option<String> {
        Some(match id {
            PAD => "PAD".to_owned(),
            BOS => "BOS".to_owned(),
            EOS => "EOS".to_owned(),
            _ if id < FIRST_BIN => match Vocabulary::token(id) {
                Some(token) => token.name().to_owned(),
                None => format!("reserved {}", id - FIRST_TOKEN),
            },
            _ if usize::from(id) < self.size() => {
                let (low, half) = (usize::from(id - FIRST_BIN), self.bins.count() / 2);
                format!("bin {}", low as i64 - half as i64)
            }
            _ => return None,
        })
    }

    /// SHA-256, in hexadecimal, over all names in order and the spacing of the bins. Two vocabularies with
    /// the same fingerprint give every id the same meaning.
    pub fn fingerprint(&self) -> String {
        let mut text = String::new();
        for id in 0..self.size() {
            text.push_str(&self.name(id as u16).unwrap_or_default());
            text.push('\n');
        }
        let spacing = [self.bins.scale(), self.bins.limit()].map(f64::to_le_bytes);
        sha256_of([text.as_bytes(), &spacing[0], &spacing[1]])
    }

    /// The target sequence of a law: skeleton and constants, `EOS`.
    ///
    /// # Errors
    /// [`VocabularyError::Count`] for a wrong number of constants, [`VocabularyError::Constant`] for one
    /// that is not finite or beyond the bins.
    pub fn encode(
        &self,
        skeleton: &Skeleton,
        constants: &[f64],
    ) -> Result<Vec<Symbol>, VocabularyError> {
        if constants.len() != skeleton.slots() {
            return Err(VocabularyError::Count {
                slots: skeleton.slots(),
                found: constants.len(),
            });
        }
        let mut sequence = Vec::with_capacity(skeleton.tokens().len() + constants.len() + 1);
        let mut left = constants.iter().enumerate();
        for place in self.order.places(skeleton) {
            sequence.push(match place {
                Place::Token(token) => Symbol::token(token),
                Place::Constant => {
                    // as many as there are slots
                    let Some((slot, &value)) = left.next() else {
                        break;
                    };
                    let pair = self.bins.encode(value);
                    Symbol::constant(
                        pair.map_err(|source| VocabularyError::Constant { slot, source })?,
                    )
                }
            });
        }
        sequence.push(Symbol::plain(EOS));
        Ok(sequence)
    }

    /// The law of a target sequence in `dimension` states; what follows `EOS` must be padding. The inverse
    /// of [`Vocabulary::encode`], constants within 1e-12.
    ///
    /// # Errors
    /// Any [`VocabularyError`] but `Constant`; never a panic, whatever the ids.
    pub fn decode(
        &self,
        dimension: usize,
        sequence: &[Symbol],
    ) -> Result<(Skeleton, Vec<f64>), VocabularyError> {
        let bin = |symbol: &Symbol| {
            let bin = symbol.id.checked_sub(FIRST_BIN).map(usize::from);
            bin.filter(|bin| bin + 1 < self.bins.count())
        };
        let of_law = |s: &Symbol| Vocabulary::token(s.id).is_some() || bin(s).is_some();
        let end = sequence.iter().position(|symbol| !of_law(symbol));
        let (law, rest) = sequence.split_at(end.unwrap_or(sequence.len()));
        let tokens: Vec<Token> = law
            .iter()
            .filter_map(|symbol| Vocabulary::token(symbol.id))
            .collect();
        let skeleton = Skeleton::parse(dimension, &tokens).map_err(VocabularyError::Skeleton)?;
        let constants: Vec<f64> = law
            .iter()
            .filter_map(|symbol| bin(symbol).map(|low| (low, symbol.upper)))
            .map(|(low, upper)| self.bins.decode(TwoHot { low, upper }))
            .collect();
        if constants.len() != skeleton.slots() {
            return Err(VocabularyError::Count {
                slots: skeleton.slots(),
                found: constants.len(),
            });
        }
        let places = self.order.places(&skeleton);
        let mut kinds = law.iter().zip(&places);
        let wrong = kinds
            .position(|(symbol, place)| bin(symbol).is_some() != (*place == Place::Constant))
            .or_else(|| {
                let padding = |(i, s): (usize, &Symbol)| s.id == if i == 0 { EOS } else { PAD };
                let wrong = rest.iter().enumerate().position(|place| !padding(place));
                wrong.map(|place| law.len() + place)
            });
        match wrong {
            Some(place) => {
                return Err(VocabularyError::Misplaced {
                    place,
                    id: sequence[place].id,
                });
            }
            None if rest.is_empty() => {
                return Err(VocabularyError::NoEnd {
                    places: sequence.len(),
                });
            }
            None => {}
        }
        Ok((skeleton, constants))
    }
}
