-- The sample users, posts and comments, the newest first. `days` is how long ago a post was written.
-- luacheck: no max line length
local samples = {}

samples.users = {
    {name = "ann", role = "admin"},
    {name = "bob", role = "editor"},
    {name = "cleo", role = "writer"},
}

samples.posts = {
    {
        author = "ann", days = 1, title = "In praise of the slow kettle",
        picture = "kettle.webp",
        picture_alt = "A green kettle steaming on a wooden table, a white cup beside it",
        body = [[
The fast kettle boils in ninety seconds and leaves you with nothing to do but wait. The slow one takes nine minutes, and in nine minutes a morning can begin.

I bought mine at a flea market for the price of two cups of coffee. It is green, it has a dent, and it whistles a little flat. **It is the best thing in the kitchen.**

## What nine minutes are good for

- warming the pot, which everybody says and nobody does
- choosing a tea by smell rather than by habit
- looking out of the window until something happens

> Patience is not waiting. It is what you do meanwhile.

When it sings, take it off at once and let it stand for a minute: for green tea, boiling water is too hot. Eighty degrees are right, and no thermometer is needed. Watch the steam: when it stops rushing and begins to *wander*, pour.]],
        comments = {
            {"bob", "Mine is blue and whistles sharp. Together they would make a chord."},
            {"cleo", "The wandering steam works! I checked with a thermometer: 81 degrees."},
            {"ann", "@cleo Now you can give the thermometer away."},
        },
    },
    {
        author = "cleo", days = 3, title = "A walk through the tea terraces",
        picture = "terraces.webp",
        picture_alt = "Green terraces in waves before grey mountains, the sun rising behind",
        body = [[
The bus lets you out where the road ends. From there it is two hours uphill, and every step of it is green.

The terraces follow the hill as lines follow a fingerprint. No row is straight, none is quite level, and the rain finds its way down without taking the soil along. People have shaped it by hand for six hundred years, and it shows: **nothing here is in a hurry.**

## What to bring

- shoes that may get wet
- a hat
- nothing else; there is tea

At the top an old man sells a cup for a coin. He has one table, one kettle and the best view in the country. I asked how he chose the place. "The water was here," he said.]],
        comments = {
            {"ann", "I know that table. The left chair wobbles."},
            {"bob", "Which bus is it? Asking for next spring."},
        },
    },
    {
        author = "bob", days = 6, title = "Seven tins, in the order of use",
        picture = "shelf.webp",
        picture_alt = "Seven coloured tins with a leaf on each label, on a wooden shelf",
        body = [[
A shelf of tea is a diary. Mine has seven tins, and I can tell from their levels what kind of winter it was.

### The red one
Assam, for mornings that must be got through.

### The green one
Sencha. Always nearly empty.

### The yellow one
Chamomile, from my aunt, every year. Always full.

### The blue one
Earl Grey, for guests, who like it more than I do.

### The brown one
Roasted oolong. If I could keep one tin, it would be this.

### The pale ones
Experiments. One of them is hay.]],
        comments = {{"cleo", "Is the hay any good?"}, {"bob", "For a horse, very."}},
    },
    {
        author = "ann", days = 9, title = "Rain on the window, and a book about rain",
        picture = "window.webp",
        picture_alt = "A lamp, a red cup and books on a window sill, rain over a town at night",
        body = [[
It has rained for three days. I have a lamp, a cup and a book in which it rains as well, and I cannot always tell which of the two I hear.

The book says that there are fifty words for rain in the language of a small island. I have counted mine: drizzle, shower, downpour, *and again*. Four are enough to go on with.

On the fourth day the sun came out, and I was almost sorry.]],
    },
    {
        author = "cleo", days = 13, title = "How to taste with your eyes closed",
        body = [[
Pour three cups. Have somebody move them about. Close your eyes.

The first thing that goes is certainty. I have drunk sencha for ten years, and with my eyes closed I called it spinach. The second thing that goes is pride.

What is left is taste: sweet at the tip, dry at the sides, and a **long green note** at the end that I had never noticed, for I was always reading the label.

- Try it with somebody you trust.
- Do not look at the cups afterwards. Guess again tomorrow.]],
        comments = {{"ann", "I called water an oolong once. A very light one."}},
    },
    {
        author = "bob", days = 17, title = "A recipe for bread that takes three days",
        body = [[
Most of it is leaving it alone.

## Day one
Stir flour and water. Cover. Go away.

## Day two
Add salt and more flour. Fold it as one folds a letter. Go away again, *further this time*.

## Day three
Heat the oven as hot as it goes, with an iron pot in it. Bread in, lid on, half an hour; lid off, a quarter.

```
flour    500 g
water    350 g
salt      10 g
patience   3 d
```

Do not cut it while it sings. You will, but do not.]],
        comments = {
            {"cleo", "I cut it while it sang."},
            {"bob", "Everybody does."},
        },
    },
    {
        author = "ann", days = 24, title = "Letters are slow mail, and that is the point",
        body = [[
A letter is the only message that arrives older than it was sent. By the time it is read, the weather in it is over, the cold is cured and the question has answered itself.

What is left is the part that does not depend on the weather. That is why I write them.]],
    },
    {
        author = "cleo", days = 31, title = "Water, the other ingredient",
        body = [[
A cup of tea is ninety-nine parts water, and we talk about the other part.

Hard water makes a skin on black tea and takes the edge off it. Soft water lets everything through, the faults too. I filled bottles at four springs and a tap and made the same tea with each: **five different cups.**

The tap came second. I am not telling you where the first spring is.]],
        comments = {{"bob", "Is it the one behind the chapel?"}, {"cleo", "No comment."}},
    },
    {
        author = "bob", days = 40, title = "Notes on waiting for the bus",
        body = [[
There are two kinds of people at the stop: those who look down the road and those who do not. The bus comes at the same time for both.]],
    },
    {
        author = "ann", days = 52, title = "Why this place is called what it is called",
        body = [[
Somebody asked. There was a kettle, it was slow, and while we waited for it we began to tell each other things. After a year of that we thought that somebody should write them down.

So here they are. *Sit down, it takes a moment.*]],
        comments = {{"cleo", "Sitting."}, {"bob", "Is it boiling yet?"}},
    },
}

return samples
