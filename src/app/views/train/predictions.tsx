/** What the model says now about eight validation images: they sharpen as it learns. */
import { Card } from '../../design/card.tsx';
import { Picture, PictureKey } from '../../design/picture.tsx';
import { countOf } from '../../format.ts';
import { shownImages } from '../../previews.ts';
import { useApp } from '../../state.ts';

const places = Array.from({ length: shownImages }, (_, place) => place);

export function LivePredictions() {
  const { live, setup } = useApp();
  const preview = live.preview.value;
  const task = live.facts.value.started?.task ?? setup.reading.value?.recipe?.model.task_type;
  const detects = preview?.images.some(
    ({ truth }) => truth.boxes.length > 0 && preview.images[0]?.prediction.task !== 'classification',
  );
  return (
    <Card
      class="predictions"
      title="Predictions on validation pictures"
      lead={
        preview
          ? `What the model says after step ${countOf(preview.step)}`
          : live.isActive
            ? 'They appear after the first step'
            : 'None: the run was over before the first of them'
      }
      actions={detects ? <PictureKey /> : undefined}
    >
      <div class="pictures" aria-busy={!preview && live.isActive}>
        {places.map((place) => {
          const image = preview?.images[place];
          if (preview && !image) return undefined;
          return (
            <Picture
              key={place}
              name={image?.fileName ?? 'A validation picture'}
              blob={image && live.pictures.value.get(image.index)}
              classes={preview?.classes ?? []}
              prediction={image?.prediction}
              truth={image?.truth}
              expects={task === 'classification' ? 'guess' : undefined}
            />
          );
        })}
      </div>
    </Card>
  );
}
